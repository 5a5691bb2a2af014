import { library } from '../../tools/tsup.base.js'

export default library({ entry: { index: 'src/index.ts', 'session-worker': 'src/session/worker.ts' } })
