import { describe, expect, it } from 'vitest';
import { chooseRuntime, javaVersion } from '../../../bridge/launch/tools.js';

const machine = (java: number | undefined, maven: boolean, docker: boolean) => ({
  tools: () => Promise.resolve({ java, maven }),
  docker: () => Promise.resolve(docker),
});

describe('javaVersion', () => {
  it.each([
    ['openjdk version "17.0.15" 2025-04-15', 17],
    ['java version "1.8.0_402"', 8],
    ['openjdk version "21" 2023-09-19', 21],
    ['Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version "25-ea" 2025-09-16', 25],
    ['The operation could not be completed.', undefined],
  ])('reads %j', (printed, version) => {
    expect(javaVersion(printed)).toBe(version);
  });
});

describe('chooseRuntime', () => {
  it('prefers Java with Maven, even when Docker is there', async () => {
    expect(await chooseRuntime(false, machine(17, true, true))).toEqual({ kind: 'java' });
  });

  it('does not need Maven once the jars are in the cache', async () => {
    expect(await chooseRuntime(true, machine(21, false, false))).toEqual({ kind: 'java' });
  });

  it.each([
    [undefined, false, 'Java and Maven are missing'],
    [undefined, true, 'Java is missing'],
    [11, true, 'Java 11 is too old (ActiveMQ needs 17)'],
    [17, false, 'Java is here, but Maven (mvn) is missing'],
  ])('with Java %s and Maven %s falls back to Docker and says why', async (java, maven, because) => {
    expect(await chooseRuntime(false, machine(java, maven, true))).toEqual({ kind: 'docker', because });
  });

  it('with nothing says what is missing and what to install', async () => {
    const runtime = await chooseRuntime(false, machine(17, false, false));
    expect(runtime.kind === 'none' && runtime.lines.join('\n')).toMatch(
      /^Java is here, but Maven \(mvn\) is missing, and no Docker engine answers\ninstall a JDK 17 .*\n.*or Docker/s,
    );
  });
});
