import type { HubOptions, LoadModelOptions, ToolFormat } from 'hfquant'

/** How a model is found and loaded: the options of `fromPretrained`. */
export interface ModelSettings
  extends Omit<LoadModelOptions, 'quantize' | 'quantizationConfig' | 'signal'>,
    HubOptions {
  /**
   * A float checkpoint is quantized while it is loaded: with a recipe such as "rtn-int4-g32", "int8", or a configuration. Folders
   * that are quantized need nothing. Default: the weights stay as they are.
   */
  readonly quantize?: string | Exclude<LoadModelOptions['quantizationConfig'], null> | undefined
}

/** The same of a model that generates text, and how it writes conversations. */
export interface LanguageModelSettings extends ModelSettings {
  /** A Jinja template, or the name of one of the model's. Default: the template of the model. */
  readonly chatTemplate?: string | undefined
  /** How the model writes calls of tools. Default: found in its template. */
  readonly toolFormat?: ToolFormat | undefined
  /** 'off' leaves reasoning in the text. Default 'auto': it becomes parts of its own, where the model marks it. */
  readonly reasoning?: 'auto' | 'off' | undefined
}
