import { copyFile, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AutoTokenizer } from 'hfquant'
import { demoModel } from 'hfquant/demo'

/**
 * Ends prompts with what the last message says, or with the result of a tool, and with a mark where there is to be no thinking. It
 * mentions what models are known by that call tools as Hermes does, and that reason.
 */
const TEMPLATE = `{# <tool_call> </think> #}
{%- for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}
{{- '[' ~ messages[-1].content ~ (' quickly' if enable_thinking is defined and not enable_thinking else '') ~ ']' }}`

/** Beyond anything that a logit is. */
const CERTAIN = 10_000

export interface ScriptedModel extends AsyncDisposable {
  readonly folder: string
}

/**
 * The bundled model, whose generation_config.json makes it answer with given texts: those of the script that the last message
 * names. Everything else about it is a model like any other.
 */
export async function scriptedModel(scripts: Readonly<Record<string, string>>): Promise<ScriptedModel> {
  const folder = await mkdtemp(join(tmpdir(), 'hfquant-ai-sdk-'))
  for (const name of ['config.json', 'tokenizer.json', 'tokenizer_config.json'])
    await copyFile(join(demoModel, name), join(folder, name))
  await symlink(join(demoModel, 'model.safetensors'), join(folder, 'model.safetensors'))
  await writeFile(join(folder, 'chat_template.jinja'), TEMPLATE)
  const { encode, eosTokenId } = await AutoTokenizer.fromPretrained(demoModel)
  const idsOf = (text: string) => encode(text, { addSpecialTokens: false })
  const sequenceBias = Object.entries(scripts).flatMap(([name, text]) => {
    const prompt = idsOf(`[${name}]`)
    const script = [...idsOf(text), eosTokenId!]
    return script.map((_, index) => [[...prompt, ...script.slice(0, index + 1)], CERTAIN])
  })
  const settings = JSON.parse(await readFile(join(demoModel, 'generation_config.json'), 'utf8'))
  await writeFile(
    join(folder, 'generation_config.json'),
    JSON.stringify({ ...settings, sequence_bias: sequenceBias }),
  )
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) }
}
