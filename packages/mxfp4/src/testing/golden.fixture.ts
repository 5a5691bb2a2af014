import { fileURLToPath } from 'node:url'

/** Reference data below goldens/mxfp4. */
export const golden = (path: string): string =>
  fileURLToPath(new URL(`../../../../goldens/mxfp4/${path}`, import.meta.url))
