import { fileURLToPath } from 'node:url'

/** Reference data below goldens/compressed_tensors. */
export const golden = (path: string): string =>
  fileURLToPath(new URL(`../../../../goldens/compressed_tensors/${path}`, import.meta.url))
