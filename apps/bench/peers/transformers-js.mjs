// What @huggingface/transformers makes of exported folders.
// Standard input: JSON [{ model, sequences, batched?: all of them in one call,
//   greedy?: { prompts: ids[] of any lengths, or texts, count } }],
// or, for encoders, [{ model, task, batch: { input_ids, attention_mask, token_type_ids? } }].
// Output: for each a line of JSON { logits: [sequence][token][id], greedy: [prompt][token] }, of encoders
// { [name of an output]: numbers in nested lists }; or { error }.
import { text } from 'node:stream/consumers'
import {
  AutoModel,
  AutoModelForCausalLM,
  AutoModelForMaskedLM,
  AutoModelForSequenceClassification,
  AutoModelForTokenClassification,
  AutoTokenizer,
  env,
  Tensor,
} from '@huggingface/transformers'

env.allowRemoteModels = false
const requests = JSON.parse(await text(process.stdin))

const tensor = (rows) =>
  new Tensor('int64', BigInt64Array.from(rows.flat(), BigInt), [rows.length, rows[0].length])

/** Batches are padded on the left. */
function padded(prompts) {
  const length = Math.max(...prompts.map((ids) => ids.length))
  const fill = (ids, value) => new Array(length - ids.length).fill(value)
  return {
    input_ids: tensor(prompts.map((ids) => [...fill(ids, 0), ...ids])),
    attention_mask: tensor(prompts.map((ids) => [...fill(ids, 0), ...ids.map(() => 1)])),
  }
}

const ENCODERS = {
  'hidden-states': AutoModel,
  'sequence-classification': AutoModelForSequenceClassification,
  'token-classification': AutoModelForTokenClassification,
  'masked-lm': AutoModelForMaskedLM,
}

async function encoded({ model: folder, task, batch }) {
  const model = await ENCODERS[task].from_pretrained(folder, { session_options: { intraOpNumThreads: 1 } })
  const inputs = Object.entries(batch).map(([name, rows]) => [name, tensor(rows)])
  const output = await model(Object.fromEntries(inputs))
  await model.dispose()
  return Object.fromEntries(
    Object.entries(output)
      .filter(([, value]) => value instanceof Tensor)
      .map(([name, value]) => [name, value.tolist()]),
  )
}

async function answer({ model: folder, sequences, batched, greedy }) {
  const model = await AutoModelForCausalLM.from_pretrained(folder, {
    session_options: { intraOpNumThreads: 1 },
  })
  const logits = []
  for (const batch of batched ? [sequences] : sequences.map((ids) => [ids])) {
    const output = await model(padded(batch))
    logits.push(...output.logits.tolist().map((rows, index) => rows.slice(-batch[index].length)))
  }
  let tokens = []
  if (greedy !== undefined) {
    const tokenizer =
      typeof greedy.prompts[0] === 'string' ? await AutoTokenizer.from_pretrained(folder) : undefined
    const prompts = greedy.prompts.map((prompt) => tokenizer?.encode(prompt) ?? prompt)
    const inputs = padded(prompts)
    const output = await model.generate({ ...inputs, max_new_tokens: greedy.count, do_sample: false })
    tokens = output.tolist().map((row) => row.slice(inputs.input_ids.dims[1]).map(Number))
  }
  await model.dispose()
  return { logits, greedy: tokens }
}

for (const request of requests) {
  const result = await (request.task === undefined ? answer : encoded)(request).catch(({ message }) => ({
    error: message,
  }))
  console.log(JSON.stringify(result))
}
