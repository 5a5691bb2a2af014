import { fileURLToPath } from 'node:url'

/** Reference data below goldens/fp8. */
export const golden = (path: string): string =>
  fileURLToPath(new URL(`../../../../goldens/fp8/${path}`, import.meta.url))
