import { assert, assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { Histogram } from "../../values/mod.ts";

Deno.test("a value belongs to the first range whose bound it doesn't exceed", () => {
  const histogram = new Histogram([1, 2, 5]);
  for (const value of [0, 1, 1.5, 2, 5, 5.01, 1000]) histogram.observe(value);
  assertEquals([...histogram.counts], [2, 2, 1, 2]);
  assertEquals([histogram.count, histogram.sum], [7, 1014.51]);
});

Deno.test("bounds that don't ascend are refused", () => {
  for (const bounds of [[1, 1], [2, 1], [1, NaN]]) assertThrows(() => new Histogram(bounds), RangeError);
});

Deno.test("nothing observed has no median", () => {
  assertEquals(new Histogram().quantile(0.5), null);
});

Deno.test("a quantile lies in the range of the value that it estimates", () => {
  const values = fc.array(fc.double({ min: 0, max: 8, noNaN: true }), { minLength: 1, maxLength: 50 });
  fc.assert(fc.property(values, fc.double({ min: 0.01, max: 1, noNaN: true }), (values, share) => {
    const bounds = [1, 2, 3, 4, 5, 6, 7];
    const histogram = new Histogram(bounds);
    for (const value of values) histogram.observe(value);
    const exact = values.toSorted((a, b) => a - b)[Math.ceil(share * values.length - 1e-9) - 1];
    const upper = bounds.find((bound) => exact <= bound);
    const estimate = histogram.quantile(share)!;
    if (upper === undefined) assertEquals(estimate, 7);
    else assert(estimate >= upper - 1 && estimate <= upper, `${estimate} for ${exact}`);
  }));
});

Deno.test("a listener hears of every value", () => {
  const histogram = new Histogram(), heard: number[] = [];
  histogram.observe(1);
  histogram.listener = (value) => heard.push(value);
  histogram.observe(2);
  assertEquals(heard, [2]);
});
