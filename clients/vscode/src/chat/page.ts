// The chat's page: an empty body, one style sheet, one script, and a policy that lets nothing else in or out.
//
// Must never hold text of a conversation, and never allow a connection, an image or an inline script. Pure. Called
// by chat/view.ts.

export interface Parts {
  readonly script: string;
  readonly style: string;
  /** Where the editor serves the two from. */
  readonly source: string;
  readonly nonce: string;
}

export function page({ script, style, source, nonce }: Parts): string {
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src ${source}`,
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; ");
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="${style}">
<title>hob</title>
</head>
<body><main id="chat"></main><script nonce="${nonce}" src="${script}"></script></body>
</html>`;
}
