import { fileURLToPath } from 'node:url'

/** Reference data below goldens/quanto. */
export const golden = (path: string): string =>
  fileURLToPath(new URL(`../../../../goldens/quanto/${path}`, import.meta.url))
