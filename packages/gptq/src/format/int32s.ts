/** Stored bytes as the int32 values that they are: words of codes, or the group of each channel. */
export const int32s = ({ buffer, byteOffset, byteLength }: Uint8Array): Int32Array =>
  new Int32Array(buffer, byteOffset, byteLength / 4)
