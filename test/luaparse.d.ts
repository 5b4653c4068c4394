declare module "luaparse" {
  export function parse(
    code: string,
    options: { readonly luaVersion: string; readonly scope: boolean },
  ): unknown;
}
