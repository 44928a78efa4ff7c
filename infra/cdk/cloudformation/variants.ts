// One template out of several: where they differ, a condition decides.

const NOTHING = { Ref: "AWS::NoValue" };

const isObject = (value: any): boolean => typeof value === "object" && value !== null && !Array.isArray(value);
const isIntrinsic = (value: any): boolean => isObject(value) && Object.keys(value).some((key) => key === "Ref" || key.startsWith("Fn::"));
const isEqual = (a: any, b: any): boolean => JSON.stringify(a) === JSON.stringify(b);
const isPlain = (value: any): boolean => isObject(value) && !isIntrinsic(value);
const arePlain = (values: any): boolean => Array.isArray(values) && values.every(isPlain);
/** What a statement is called, also one that a condition decides on. */
const sid = (one: any): string | undefined => one?.Sid ?? one?.["Fn::If"]?.map(sid).find((found?: string) => found);
const haveSids = (values: any): boolean => Array.isArray(values) && values.every(sid);

/** The template that is `a` where the condition of this name holds, and else `b`. It is declared in both. */
export function either(condition: string, a: any, b: any): any {
  const resources: { [id: string]: any } = {};
  for (const id of new Set([...Object.keys(a.Resources), ...Object.keys(b.Resources)])) {
    const [inA, inB] = [a.Resources[id], b.Resources[id]];
    resources[id] = inA && inB ? { ...same(id, inA, inB), Properties: value(condition, inA.Properties, inB.Properties) } : only(id, condition, inA, inB);
  }
  return { ...same("template", { ...a, Resources: 0 }, { ...b, Resources: 0 }), Resources: resources };
}

/** What is the same in both: there is no condition in it. */
function same(id: string, a: any, b: any): any {
  const [{ Properties: _a, ...restA }, { Properties: _b, ...restB }] = [a, b];
  if (!isEqual(restA, restB)) throw new Error(`${id}: more differs than its properties`);
  return restA;
}

/** A resource that only one has: the one where the condition holds. */
function only(id: string, condition: string, a: any, b: any): any {
  if (b || a.Condition) throw new Error(`${id} needs a condition of its own`);
  return { ...a, Condition: condition };
}

function value(condition: string, a: any, b: any): any {
  if (isEqual(a, b)) return a;
  const chosen = { "Fn::If": [condition, a ?? NOTHING, b ?? NOTHING] };
  if (a === undefined || b === undefined) return chosen;
  if (haveSids(a) && haveSids(b)) {
    const [inA, inB] = [a, b].map((list) => new Map<string, any>(list.map((one: any) => [sid(one), one])));
    return [...new Set([...inA.keys(), ...inB.keys()])].map((name) => value(condition, inA.get(name), inB.get(name)));
  }
  if (arePlain(a) && arePlain(b) && a.length === b.length) return a.map((one: any, index: number) => value(condition, one, b[index]));
  const joined = (one: any) => one["Fn::Join"]?.[1];
  if (Array.isArray(joined(a)) && joined(a).length === joined(b)?.length) {
    return { "Fn::Join": ["", joined(a).map((part: any, index: number) => value(condition, part, joined(b)[index]))] };
  }
  if (Array.isArray(joined(a)) && Array.isArray(joined(b))) return middle(condition, joined(a), joined(b));
  if (!isPlain(a) || !isPlain(b)) return chosen;
  return Object.fromEntries([...new Set([...Object.keys(a), ...Object.keys(b)])].map((key) => [key, value(condition, a[key], b[key])]));
}

/** Texts of different parts: what they begin and end with alike stands there once. */
function middle(condition: string, a: any[], b: any[]): any {
  const shorter = Math.min(a.length, b.length);
  const alike = (at: (one: any[], index: number) => any, most: number) => {
    let count = 0;
    while (count < most && isEqual(at(a, count), at(b, count))) count += 1;
    return count;
  };
  const first = alike((one, index) => one[index], shorter);
  const last = alike((one, index) => one[one.length - 1 - index], shorter - first);
  const between = [a, b].map((one) => ({ "Fn::Join": ["", one.slice(first, one.length - last)] }));
  return { "Fn::Join": ["", [...a.slice(0, first), { "Fn::If": [condition, ...between] }, ...a.slice(a.length - last)]] };
}
