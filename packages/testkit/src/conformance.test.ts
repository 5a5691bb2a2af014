import { describeQuantizer } from './index.js'
import { roundToNearest } from './testing/round-to-nearest.fixture.js'

describeQuantizer(roundToNearest, {
  configs: {
    'int8 per row': { config: roundToNearest(), largestError: 0.005, bitsPerWeight: 8.1 },
    '15 levels': { config: roundToNearest({ levels: 15 }), largestError: 0.04 },
  },
})
