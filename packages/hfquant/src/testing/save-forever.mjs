// Saves two models into one folder in turn until it is killed: node save-forever.mjs OUT FIRST SECOND
import { AutoModelForCausalLM } from 'hfquant'

const [out, ...folders] = process.argv.slice(2)
const models = await Promise.all(folders.map((folder) => AutoModelForCausalLM.fromPretrained(folder)))
process.send?.('ready')
while (true) for (const model of models) await model.savePretrained(out)
