import { readChatTemplate } from '../models/chat-template.js'
import type { FileDefaults } from '../models/file-defaults.js'
import type { LoadedModel } from '../models/loaded-model.js'
import type { ModelEntry } from '../models/model-entry.js'

/** What a list says about a model: of one that is not loaded, what its folder tells. */
export function describeModel({ name, plan: { facts }, loaded }: ModelEntry) {
  const { family, format, digest, weightBytes } = facts
  return {
    ...{ name, model: name, size: weightBytes, digest, modified_at: new Date(facts.modified).toISOString() },
    details: {
      ...{ parent_model: '', format, family, families: family === '' ? [] : [family] },
      parameter_size: shortNumber(loaded?.parameters ?? null),
      quantization_level: loaded === undefined ? '' : quantizationLevel(loaded),
    },
  }
}

/** What is said about one model by itself. */
export async function showModel(entry: ModelEntry) {
  const { plan, loaded } = entry
  const { details, modified_at } = describeModel(entry)
  const { family } = details
  // What is wrong with a file is told when the model is loaded.
  const ofFolder = () => readChatTemplate(plan.folder).catch(() => undefined)
  const template = plan.chatTemplate ?? (await ofFolder()) ?? ''
  return {
    ...{ modified_at, details, template },
    parameters: loaded?.kind === 'decoder' ? parametersText(loaded.defaults) : '',
    model_info: {
      'general.architecture': family,
      ...(loaded !== undefined && {
        'general.parameter_count': loaded.parameters,
        [`${family}.context_length`]: loaded.contextLength,
      }),
    },
    capabilities: loaded === undefined ? [] : capabilitiesOf(loaded),
  }
}

/** As late as clients can read. */
const NEVER = new Date('9999-12-31T23:59:59Z')

/** When a loaded model is unloaded, if nobody uses it. */
export const expiryOf = ({ keepAlive, lastUsed, users }: ModelEntry): Date => {
  if (keepAlive < 0) return NEVER
  const since = users > 0 ? performance.now() : lastUsed
  return new Date(performance.timeOrigin + since + keepAlive)
}

const FLOATS: Readonly<Record<string, string>> = { float32: 'F32', float16: 'F16', bfloat16: 'BF16' }

const quantizationLevel = ({ quantization, dtype }: LoadedModel): string =>
  quantization?.recipe ?? quantization?.method ?? FLOATS[dtype] ?? dtype

function capabilitiesOf(loaded: LoadedModel): readonly string[] {
  if (loaded.kind !== 'decoder')
    return loaded.kind === 'encoder' && loaded.task === 'embed' ? ['embedding'] : []
  const { tools, reasoning } = loaded.format
  return ['completion', ...(tools ? ['tools'] : []), ...(reasoning ? ['thinking'] : [])]
}

const NAMES = {
  maxNewTokens: 'num_predict',
  temperature: 'temperature',
  topP: 'top_p',
  topK: 'top_k',
  minP: 'min_p',
  repetitionPenalty: 'repeat_penalty',
} as const

/** A line for each option that the model has a default of. */
const parametersText = (defaults: FileDefaults): string =>
  Object.entries(NAMES)
    .map(([name, option]) => [option, defaults[name as keyof typeof NAMES]])
    .filter(([, value]) => value !== undefined)
    .map(([option, value]) => `${option} ${value}`)
    .join('\n')

const UNITS = [
  [1e9, 'B'],
  [1e6, 'M'],
  [1e3, 'K'],
] as const

/** "1.1B"; empty for what is not known. */
function shortNumber(count: number | null): string {
  if (count === null) return ''
  const [size, letter] = UNITS.find(([one]) => count >= one) ?? [1, '']
  return `${Number((count / size).toFixed(1))}${letter}`
}
