import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['{packages,apps,tools}/**/*.test.ts'],
    globalSetup: 'tools/test-cache.ts',
    exclude: ['**/node_modules/**', '**/dist/**', '**/template/**'],
    testTimeout: 30_000,
    // One for each core that a small machine has; by itself Vitest leaves one of them idle.
    maxWorkers: 2,
  },
})
