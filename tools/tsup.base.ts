import { defineConfig, type Options } from 'tsup'

/** What every package shares; a package states its entries and what differs. The compiler makes the types of all packages at once. */
export const library = (options: Options) =>
  defineConfig({
    format: 'esm',
    target: 'node20',
    platform: 'node',
    clean: ['!**/*.d.ts'],
    sourcemap: true,
    ...options,
  })
