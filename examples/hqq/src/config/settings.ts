/** Widths that the library knows; 1.58 means three levels. */
export const WIDTHS = [8, 6, 5, 4, 3, 2, 1.58, 1] as const
export type Width = (typeof WIDTHS)[number]

/** How a weight is quantized: `weight_quant_params` of config.json. */
export interface LayerSettings {
  readonly nbits: Width
  /** Weights that share a scale, a multiple of 8; null: as many as a row (axis 1) or a column (axis 0) has. */
  readonly groupSize: number | null
  /** 1: groups along the rows, which the fast path needs. 0: groups across the rows. */
  readonly axis: 0 | 1
  /** False leaves out the solver: round to nearest on the grid from minimum to maximum. */
  readonly optimize: boolean
  /** True starts the solver at a whole zero point. Undefined: at 4 bits only, as the library does. */
  readonly roundZero: boolean | undefined
  /** Packed codes declared as floats. Read, never written. */
  readonly viewAsFloat: boolean
}

/** `quantization_config` of an HQQ model. The settings of a layer are those of all layers, unless `dynamic` is set. */
export interface HqqSettings extends LayerSettings {
  /** Settings by layer tag, "self_attn.q_proj"; then only the layers that it names are quantized. */
  readonly dynamic: Readonly<Record<string, LayerSettings>> | undefined
  /** Modules that stay in float; undefined: the output projection, and what shares its weight. */
  readonly skipModules: readonly string[] | undefined
}

/** The defaults of transformers' `HqqConfig`. */
export const DEFAULT_LAYER: LayerSettings = {
  nbits: 4,
  groupSize: 64,
  axis: 1,
  optimize: true,
  roundZero: undefined,
  viewAsFloat: false,
}

/** The settings of the layer at `path`; undefined when settings are given by tag and none is for this one. */
export function settingsFor(settings: HqqSettings, path: string): LayerSettings | undefined {
  if (settings.dynamic === undefined) return settings
  const tag = layerTag(path)
  return Object.hasOwn(settings.dynamic, tag) ? settings.dynamic[tag] : undefined
}

/** "self_attn.q_proj" of "model.layers.3.self_attn.q_proj": what layers of the same kind have in common. */
export const layerTag = (path: string): string =>
  path
    .split('.')
    .filter((segment) => segment !== 'model' && segment !== 'layers' && !/^\d+$/.test(segment))
    .join('.')

/** Largest code of a width: 2 for 1.58 bits. */
export const topCode = (nbits: Width): number => Math.round(2 ** nbits - 1)

/** Whether the solver starts at a whole zero point. */
export const startsWhole = ({ nbits, roundZero }: LayerSettings): boolean => roundZero ?? nbits === 4
