import { dynamic } from './dynamic.js';
import { flat } from './flat.js';
import { graduated } from './graduated.js';
import { packaged } from './package.js';
import { percentage } from './percentage.js';
import { rateCard } from './rate-card.js';
import { unit } from './unit.js';
import { volume } from './volume.js';

/** All price models, by the name in a price's `model` field. To add one, add its file and a line here. */
export const MODELS = {
  flat,
  unit,
  graduated,
  volume,
  package: packaged,
  dynamic,
  percentage,
  rate_card: rateCard,
};
