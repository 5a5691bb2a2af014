import { defineConfig, type Options } from 'tsup'

/** What every package shares; a package states its entries and what differs. Types take most of the time of a build. */
export const library = (options: Options) =>
  defineConfig({
    format: 'esm',
    target: 'node20',
    platform: 'node',
    dts: process.env.HFQUANT_BUILD_TYPES !== 'no',
    clean: true,
    sourcemap: true,
    ...options,
  })
