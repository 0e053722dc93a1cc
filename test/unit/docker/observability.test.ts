import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { findCheckout } from '../../../bridge/launch/checkout.js';

const folder = join(findCheckout().top, 'docker', 'observability');
const read = (path: string) => readFileSync(join(folder, path), 'utf8');

interface Dashboard {
  readonly uid: string;
  readonly panels: readonly {
    readonly title: string;
    readonly description: string;
    readonly datasource: { readonly uid: string };
    readonly gridPos: Readonly<Record<'x' | 'y' | 'w' | 'h', number>>;
    readonly targets: readonly { readonly expr: string }[];
  }[];
}

const dashboard = JSON.parse(read('grafana/dashboards/activemq-bridge.json')) as Dashboard;
const [source] = (
  parse(read('grafana/provisioning/datasources/prometheus.yml')) as {
    datasources: { uid: string; url: string; jsonData: { timeInterval: string } }[];
  }
).datasources;

/** What Prometheus makes of a histogram. */
const family = (name: string) => name.replace(/_(bucket|count|sum)$/, '');

/** The reference of the metrics, which a test of its own holds against /metrics. */
const reference = readFileSync(join(findCheckout().top, 'docs', 'metrics.md'), 'utf8');

describe('the dashboard for Grafana', () => {
  it('asks for metrics that the bridge has', () => {
    const asked = JSON.stringify(dashboard).match(/activemq_bridge_\w+/g) ?? [];
    expect(asked.length).toBeGreaterThan(0);
    for (const name of new Set(asked.map(family))) expect(reference).toContain(`| \`${name}\` |`);
  });

  it('asks the data source that is provisioned', () => {
    for (const panel of dashboard.panels) expect(panel.datasource.uid).toBe(source?.uid);
  });

  it('says of each picture what it shows, and puts none over another', () => {
    const cells = new Set<string>();
    for (const { title, description, gridPos } of dashboard.panels) {
      expect(description, title).not.toBe('');
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(cells.has(`${x} ${y}`), `${title} at ${x} ${y}`).toBe(false);
          expect(x).toBeLessThan(24);
          cells.add(`${x} ${y}`);
        }
    }
  });

  it('is where Grafana is told to look', () => {
    const compose = parse(readFileSync(join(folder, '..', 'compose.observability.yaml'), 'utf8'), {
      merge: true,
    }) as { services: { grafana: { volumes: string[]; environment: Record<string, string> } } };
    const { volumes, environment } = compose.services.grafana;
    const mounted = volumes.find((one) => one.endsWith(':/dashboards:ro'))?.split(':')[0];
    expect(mounted).toBe('./observability/grafana/dashboards');
    const home = environment.GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH?.replace('/dashboards/', '');
    expect(readdirSync(join(folder, 'grafana/dashboards'))).toEqual([home]);
    expect(read('grafana/provisioning/dashboards/dashboards.yml')).toContain('path: /dashboards');
  });
});

describe('the configuration of Prometheus', () => {
  interface Config {
    readonly global: { readonly scrape_interval: string };
    readonly rule_files: readonly string[];
    readonly scrape_configs: readonly {
      readonly static_configs: readonly { readonly targets: string[] }[];
    }[];
  }
  const config = parse(read('prometheus.compose.yml')) as Config;

  it('scrapes the bridge of the compose file, as often as Grafana is told', () => {
    const targets = config.scrape_configs.flatMap((one) =>
      one.static_configs.flatMap((some) => some.targets),
    );
    expect(targets).toContain('bridge:8080');
    expect(config.global.scrape_interval).toBe(source?.jsonData.timeInterval);
  });

  it('loads the alert rules from where the compose file puts them', () => {
    expect(config.rule_files).toEqual(['/etc/prometheus/alerts.yml']);
    const compose = readFileSync(join(folder, '..', 'compose.observability.yaml'), 'utf8');
    expect(compose).toContain('target: /etc/prometheus/alerts.yml');
  });
});
