// Loads a model, computes once, and holds it until its parent process disconnects: node hold-model.mjs FOLDER
import { AutoModelForCausalLM } from 'hfquant'

const model = await AutoModelForCausalLM.fromPretrained(process.argv[2])
await model.forward({ inputIds: [[0, 17, 42]] })
process.once('disconnect', () => model.dispose())
process.send('holding')
