// @ts-check
/**
 * Runs the two networks with LiteRT.js: on the GPU where the browser offers WebGPU, else in WebAssembly.
 *
 * @typedef {import("./loop.js").Contract & {files: {detector: string, tracker: string}}} Site
 * @typedef {import("./loop.js").Networks} Networks
 */

import { getWebGpuDevice, loadAndCompile, loadLiteRt, Tensor } from "@litertjs/core";

const WASM = "litert/wasm/";

/**
 * Loads the engine, with threads where they are wanted and the browser has what they need.
 * @returns {Promise<boolean>} whether it has threads
 */
async function load(/** @type {boolean} */ threads) {
  // What the engine has to tell is not the page's error.
  /** @type {any} */ (globalThis).Module = { printErr: (/** @type {string} */ text) => console.debug(text) };
  if (threads) {
    try {
      await loadLiteRt(WASM, { threads });
      return true;
    } catch (error) {
      console.info(`no threads here, one will do: ${error}`);
    }
  }
  await loadLiteRt(WASM);
  return false;
}

/** Half precision has an eighth of a pixel between two coordinates: single is asked for. */
const GPU = { accelerator: /** @type {const} */ ("webgpu"), gpuOptions: { precision: /** @type {const} */ ("fp32") } };

/**
 * Opens both model files.
 * @param {Site} site @param {{accelerator?: string | null, threads?: boolean}} [wanted] instead of what is best here
 * @returns {Promise<{networks: Networks, accelerator: string}>}
 */
export async function openNetworks(site, wanted = {}) {
  // WebAssembly may use threads where the page was served with COOP and COEP headers.
  const threads = await load(wanted.threads ?? globalThis.crossOriginIsolated === true);
  let accelerator = wanted.accelerator ?? (getWebGpuDevice() ? "webgpu" : "wasm");
  const cpu = { accelerator: /** @type {const} */ ("wasm") };
  const compile = async (/** @type {string} */ file) => {
    if (accelerator === "webgpu") {
      try {
        return await loadAndCompile(file, GPU);
      } catch (error) {
        console.info(`WebGPU does not take ${file}, WebAssembly will: ${error}`);
        accelerator = "wasm";
      }
    }
    return loadAndCompile(file, cpu);
  };
  const detector = await compile(site.files.detector), tracker = await compile(site.files.tracker);
  const run = (/** @type {any} */ model, /** @type {number} */ size) => async (/** @type {Float32Array} */ values) => {
    const input = new Tensor(values, [1, size, size, 3]);
    const outputs = /** @type {Record<string, any>} */ (await model.run({ image: input }));
    input.delete();
    const arrays = /** @type {Record<string, Float32Array>} */ ({});
    for (const [name, tensor] of Object.entries(outputs)) {
      arrays[name] = await tensor.data();
      tensor.delete();
    }
    return /** @type {any} */ (arrays);
  };
  return {
    networks: { detector: run(detector, site.detector.input_size), tracker: run(tracker, site.tracker.input_size) },
    accelerator: accelerator === "webgpu" ? "WebGPU" : threads ? "WebAssembly, threads" : "WebAssembly, one thread",
  };
}
