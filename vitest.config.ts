import { defineConfig, type ViteUserConfig } from 'vitest/config'

/** Files that replace modules, or measure the process that they run in: they get a process of their own. */
const ALONE = [
  'packages/core/src/load/store.test.ts',
  'packages/core/src/files/not-permitted.test.ts',
  'packages/hfquant/src/hub/incomplete-files.test.ts',
  'packages/hfquant/src/memory-usage.e2e.test.ts',
  'packages/onnx/src/artifact/*.test.ts',
  'packages/onnx/src/graph/onnx-schema.test.ts',
  'packages/onnx/src/session/mapped-file.test.ts',
]
const ALL = ['{packages,apps,tools}/**/*.test.ts']
const NONE = ['**/node_modules/**', '**/dist/**', '**/template/**']

export default defineConfig({
  test: {
    // The projects say it, and other tools read it here.
    include: ALL,
    exclude: NONE,
    // One for each core that a small machine has; by itself Vitest leaves one of them idle.
    maxWorkers: 2,
    projects: [
      project('together', {
        include: ALL,
        exclude: [...NONE, ...ALONE],
        // Starting a process and importing everything into it takes longer than most files do.
        isolate: false,
        setupFiles: 'tools/fresh-modules.ts',
      }),
      project('alone', { include: ALONE, exclude: NONE }),
    ],
  },
})

function project(name: string, options: NonNullable<ViteUserConfig['test']>) {
  return { test: { name, globalSetup: 'tools/test-cache.ts', testTimeout: 30_000, ...options } }
}
