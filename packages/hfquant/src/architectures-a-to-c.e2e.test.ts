import { describeFamilies } from './testing/families.fixture.js'

describeFamilies('A')
