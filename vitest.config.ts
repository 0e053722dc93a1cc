import { defineConfig } from 'vitest/config';

// Real brokers and a real Chromium run inside: two workers on two cores, and time enough for a cold JVM.
export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 180_000,
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        // Nothing in them outlives a file, and loading every module anew for each took half of their time.
        test: { name: 'unit', include: ['test/unit/**/*.test.ts'], isolate: false },
      },
      {
        extends: true,
        test: {
          name: 'brokers',
          include: ['test/**/*.test.ts'],
          exclude: ['test/unit/**', '**/node_modules/**'],
        },
      },
    ],
  },
});
