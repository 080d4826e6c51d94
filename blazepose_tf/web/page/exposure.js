// @ts-check
/**
 * Makes dark crops as bright as what the networks have learned from: the port of blazepose_tf.runtime.exposure.
 *
 * @typedef {{share: number, wanted: number, most: number, every: number}} Exposure
 */

/**
 * @param {Float32Array} crop size x size x 3, changed in place @param {number} size
 * @param {[number, number]} range values of black and white @param {Exposure} exposure @returns {Float32Array} `crop`
 */
export function lightened(crop, size, [low, high], { share, wanted, most, every }) {
  const shades = 255 / (high - low), counts = new Uint32Array(256);
  let pixels = 0;
  for (let row = 0; row < size; row += every) {
    for (let column = 0; column < size; column += every, pixels++) {
      const at = 3 * (row * size + column), brightest = Math.max(crop[at], crop[at + 1], crop[at + 2]);
      counts[Math.round((brightest - low) * shades)]++;
    }
  }
  const before = Math.floor(share * pixels);
  let level = 0;
  for (let upTo = counts[0]; upTo <= before; upTo += counts[level]) level++;
  if (level === 0 || level >= wanted) return crop;
  const gain = Math.min(wanted / level, most);
  const lighter = (/** @type {number} */ shade) => Math.min(Math.floor(shade * gain + 0.5), 255) / shades + low;
  const table = Float32Array.from({ length: 256 }, (_, shade) => lighter(shade));
  for (let i = 0; i < crop.length; i++) crop[i] = table[Math.round((crop[i] - low) * shades)];
  return crop;
}
