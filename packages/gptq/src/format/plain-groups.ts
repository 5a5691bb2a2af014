/** The group of each input channel where groups are runs of channels. */
export const plainGroups = (columns: number, groupSize: number): Int32Array =>
  Int32Array.from({ length: columns }, (_, column) => Math.floor(column / groupSize))
