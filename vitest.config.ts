import { defineConfig } from 'vitest/config';

// Real brokers and a real Chromium run inside: two workers on two cores, and time enough for a cold JVM.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: [],
    testTimeout: 60_000,
    hookTimeout: 180_000,
    maxWorkers: 2,
  },
});
