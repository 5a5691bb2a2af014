import { SafetensorsError } from '../errors.js'

/** The cap of the reference library. A header this large would describe about two million tensors. */
export const MAX_HEADER_BYTES = 100_000_000

/** The file begins with the length of its header: 64 bits, little endian, unsigned. */
export const LENGTH_FIELD_BYTES = 8

/**
 * Length of the JSON part in bytes, without the eight bytes in front of it.
 *
 * @param start at least the first eight bytes of the file, or the whole file if it is shorter
 * @param fileBytes length of the whole file
 * @throws {@link SafetensorsError} SAFETENSORS_TRUNCATED, SAFETENSORS_HEADER_TOO_LARGE
 */
export function readHeaderLength(start: Uint8Array, file: string, fileBytes: number): number {
  if (fileBytes < LENGTH_FIELD_BYTES || start.byteLength < LENGTH_FIELD_BYTES) {
    throw new SafetensorsError(
      'SAFETENSORS_TRUNCATED',
      `${file} has ${fileBytes} bytes; the header length alone takes ${LENGTH_FIELD_BYTES}`,
      { file },
    )
  }
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength)
  const headerBytes = view.getBigUint64(0, true)
  if (headerBytes > BigInt(MAX_HEADER_BYTES)) {
    throw new SafetensorsError(
      'SAFETENSORS_HEADER_TOO_LARGE',
      `${file} announces a header of ${headerBytes} bytes; at most ${MAX_HEADER_BYTES} are allowed`,
      { file },
    )
  }
  if (LENGTH_FIELD_BYTES + Number(headerBytes) > fileBytes) {
    throw new SafetensorsError(
      'SAFETENSORS_TRUNCATED',
      `${file} announces a header of ${headerBytes} bytes, but only ${fileBytes - LENGTH_FIELD_BYTES} follow`,
      { file },
    )
  }
  return Number(headerBytes)
}
