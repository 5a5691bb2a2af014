import { ConfigError, HfquantError } from '@hfquant/core'
import { GLiNER } from '@hfquant/gliner'
import {
  AutoModel,
  AutoModelForCausalLM,
  AutoModelForMaskedLM,
  AutoModelForSequenceClassification,
  AutoModelForTokenClassification,
  type BaseEncoder,
  type CausalLM,
  type LoadModelOptions,
  type MaskedLM,
  type ModelSource,
  type SequenceClassifier,
  type TokenClassifier,
  type Tokenizer,
} from '@hfquant/transformers'
import { hubSource } from '../auto.js'
import { type FeatureExtraction, featureExtraction } from './feature-extraction.js'
import { type FillMask, fillMask } from './fill-mask.js'
import { type PipelineOptions, readPipelineOptions } from './load-options.js'
import type { Loaded } from './loaded.js'
import { type ALIASES, parseTask, type Task, type TaskAlias } from './tasks.js'
import { type TextClassification, textClassification } from './text-classification.js'
import { type TextGeneration, textGeneration } from './text-generation.js'
import { type TokenClassification, tokenClassification, zeroShotEntities } from './token-classification.js'
import { type ZeroShotClassification, zeroShotClassification } from './zero-shot-classification.js'

/** What every task computes with, and how it is called. */
interface TaskTypes {
  'text-generation': { readonly model: CausalLM; readonly call: TextGeneration }
  'feature-extraction': { readonly model: BaseEncoder; readonly call: FeatureExtraction }
  'text-classification': { readonly model: SequenceClassifier; readonly call: TextClassification }
  'token-classification': { readonly model: TokenClassifier | GLiNER; readonly call: TokenClassification }
  'fill-mask': { readonly model: MaskedLM; readonly call: FillMask }
  'zero-shot-classification': { readonly model: SequenceClassifier; readonly call: ZeroShotClassification }
}

type TaskOf<Name extends Task | TaskAlias> = Name extends TaskAlias ? (typeof ALIASES)[Name] : Name

/** A model that is called like a function. `dispose` frees it; `await using` does so at the end of a block. */
export type Pipeline<Name extends Task | TaskAlias = Task> = TaskTypes[TaskOf<Name> & Task]['call'] &
  AsyncDisposable & {
    readonly task: TaskOf<Name>
    readonly model: TaskTypes[TaskOf<Name> & Task]['model']
    readonly tokenizer: Tokenizer
    dispose(): Promise<void>
  }

interface AnyModel extends AsyncDisposable {
  tokenizer(): Promise<Tokenizer | undefined>
  dispose(): Promise<void>
}

interface TaskDefinition<Model extends AnyModel> {
  load(source: ModelSource, options: LoadModelOptions): Promise<Model>
  call(loaded: Loaded<Model>): object
}

const define = <Model extends AnyModel>(
  {
    fromPretrained: load,
  }: { fromPretrained(source: ModelSource, options: LoadModelOptions): Promise<Model> },
  call: (loaded: Loaded<Model>) => object,
): TaskDefinition<Model> => ({ load, call })

const DEFINITIONS = {
  'text-generation': define(AutoModelForCausalLM, textGeneration),
  'feature-extraction': define(AutoModel, featureExtraction),
  'text-classification': define(AutoModelForSequenceClassification, textClassification),
  'token-classification': define({ fromPretrained: loadTokenClassifier }, (loaded) =>
    loaded.model instanceof GLiNER
      ? zeroShotEntities(loaded.model)
      : tokenClassification(loaded as Loaded<TokenClassifier>),
  ),
  'fill-mask': define(AutoModelForMaskedLM, fillMask),
  'zero-shot-classification': define(AutoModelForSequenceClassification, zeroShotClassification),
} as const satisfies Record<Task, unknown>

/**
 * Loads a model for a task, as `pipeline` of @huggingface/transformers does: tasks, arguments and results have the same names
 * and shapes, so that code which uses it changes one import. Models are folders and names of the hub with safetensors, not
 * those with ONNX files.
 *
 * @throws ConfigError TASK_UNKNOWN, MODEL_MISSING, TOKENIZER_MISSING, and for options; CapabilityError TASK_UNAVAILABLE; as
 * `fromPretrained` of the class of the task.
 */
export async function pipeline<Name extends Task | TaskAlias>(
  task: Name,
  model: string,
  options: PipelineOptions = {},
): Promise<Pipeline<Name>> {
  const name = parseTask(task)
  if (typeof model !== 'string') {
    throw new ConfigError('MODEL_MISSING', `no model is named for the task "${name}"`, {
      field: 'model',
      found: model,
      hint: 'Pass a model folder, or a name of the hub: no model is taken without being named.',
    })
  }
  const { load, hub } = await readPipelineOptions(model, options)
  const { source, folder } = rememberFolder(hubSource(model, load, () => hub))
  const { load: loadModel, call } = DEFINITIONS[name] as TaskDefinition<AnyModel>
  const loaded = await loadModel(source, load)
  try {
    const tokenizer = await loaded.tokenizer()
    if (tokenizer === undefined) throw tokenizerMissing(folder())
    const { modelMaxLength: maxLength } = tokenizer
    const truncation = { truncation: true, ...(maxLength !== undefined && { maxLength }) }
    const callable = call({ model: loaded, tokenizer, folder: folder(), truncation })
    options.progress_callback?.({ status: 'ready', task: name, model })
    const dispose = () => loaded.dispose()
    return Object.assign(callable, {
      ...{ task: name, model: loaded, tokenizer, dispose },
      [Symbol.asyncDispose]: dispose,
    }) as unknown as Pipeline<Name>
  } catch (error) {
    await loaded.dispose()
    throw error
  }
}

/** Whoever loads from the source learns the folder once; others ask nobody. */
function rememberFolder(source: Exclude<ModelSource, string>): {
  readonly source: ModelSource
  folder(): string
} {
  let locating: Promise<string> | undefined
  let folder = source.name
  const locate = async () => {
    locating ??= source.locate()
    folder = await locating
    return folder
  }
  return { source: { ...source, locate }, folder: () => folder }
}

/** A model with classes of its own, or GLiNER. */
async function loadTokenClassifier(
  source: ModelSource,
  options: LoadModelOptions,
): Promise<TokenClassifier | GLiNER> {
  try {
    return await AutoModelForTokenClassification.fromPretrained(source, options)
  } catch (error) {
    const isGliner =
      HfquantError.isInstance(error) && error.code === 'MODEL_CLASS' && error.found === 'gliner_config.json'
    if (!isGliner) throw error
    return GLiNER.fromPretrained(source, options)
  }
}

const tokenizerMissing = (folder: string): ConfigError =>
  new ConfigError('TOKENIZER_MISSING', `${folder} has no tokenizer.json, so that no text can be read`, {
    file: folder,
    field: 'tokenizer',
    hint: 'Add the tokenizer files of the model to its folder.',
  })
