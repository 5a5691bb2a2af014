import { library } from '../../tools/tsup.base.js'

export default library({
  entry: {
    index: 'src/index.ts',
    options: 'src/settings/options.ts',
    'text-worker': 'src/text/text-worker.ts',
  },
})
