import { fileURLToPath } from 'node:url'

/** Reference data below goldens/awq. */
export const golden = (path: string): string =>
  fileURLToPath(new URL(`../../../../goldens/awq/${path}`, import.meta.url))
