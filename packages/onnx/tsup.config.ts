import { library } from '../../tools/tsup.base.js'

export default library({
  entry: {
    index: 'src/index.ts',
    'pack-process': 'src/artifact/pack-process.ts',
    'session-worker': 'src/session/worker.ts',
  },
})
