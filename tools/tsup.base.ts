import { defineConfig, type Options } from 'tsup'

/** What every package shares; a package states its entries and what differs. */
export const library = (options: Options) =>
  defineConfig({
    format: 'esm',
    target: 'node20',
    platform: 'node',
    dts: true,
    clean: true,
    sourcemap: true,
    ...options,
  })
