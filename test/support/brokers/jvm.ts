/**
 * Of a JVM that a test starts: it lives for a minute, in which the second compiler costs more of two cores than it gains. Benchmarks,
 * which run outside of vitest, get the JVM that users have.
 */
export const SHORT_LIVED: readonly string[] =
  process.env.VITEST === undefined ? [] : ['-XX:TieredStopAtLevel=1'];
