const { TestEnvironment } = require('jest-environment-node');

/** Typed arrays that native code makes belong to the process's own realm: tests see the same constructors. */
class OuterRealmEnvironment extends TestEnvironment {
  async setup() {
    await super.setup();
    const shared = {
      ArrayBuffer,
      SharedArrayBuffer,
      DataView,
      Error,
      TypeError,
      RangeError,
      Uint8Array,
      Uint8ClampedArray,
      Int8Array,
      Uint16Array,
      Int16Array,
      Uint32Array,
      Int32Array,
      Float32Array,
      Float64Array,
      BigInt64Array,
      BigUint64Array,
    };
    Object.assign(this.global, shared);
  }
}

module.exports = OuterRealmEnvironment;
