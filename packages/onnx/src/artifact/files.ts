/** The runtime maps a tensor in place only if it begins at a page. */
const PAGE = 4096

export const nextPage = (offset: number): number => Math.ceil(offset / PAGE) * PAGE

/** Names of the files of a model; the first names the second, so they stand in one folder. */
export const MODEL_FILE = 'model.onnx'
export const WEIGHTS_FILE = 'weights.bin'
