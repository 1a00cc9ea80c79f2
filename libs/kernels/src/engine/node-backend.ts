import type { KernelBackend, TensorInfo } from '@tensorflow/tfjs-core';

/** What is used of the backend of `@tensorflow/tfjs-node-gpu` beyond TensorFlow.js' own contract. */
export interface NodeBackend extends KernelBackend {
  readonly binding: Binding;
  readonly isUsingGpuDevice: boolean;
  executeSingleOutput(op: string, attributes: readonly OpAttribute[], inputs: readonly TensorInfo[]): TensorInfo;
  executeMultipleOutputs(op: string, attributes: readonly OpAttribute[], inputs: readonly TensorInfo[], outputs: number): TensorInfo[];
  /** The binding's numbers of tensors, which it is handed first where only JavaScript has their values. */
  getInputTensorIds(inputs: readonly TensorInfo[]): number[];
  createOutputTensor(output: BindingTensor): TensorInfo;
}

/** An attribute of one of TensorFlow's ops; `type` is one of the binding's `TF_ATTR_…`. */
export interface OpAttribute {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

/** A tensor of the binding: its number, and TensorFlow's number of its type. */
export interface BindingTensor {
  readonly id: number;
  readonly dtype: number;
}

/** The addon that the package is made of. */
export interface Binding {
  readonly TF_Version: string;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_TYPE: number;
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  readonly TF_BOOL: number;
  executeOp(op: string, attributes: readonly OpAttribute[], inputs: readonly number[], outputs: number): BindingTensor[];
  deleteTensor(id: number): void;
}
