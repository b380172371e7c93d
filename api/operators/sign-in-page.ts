/** The sign-in form; nothing in it comes from a request. */
export function signInPage(problem: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in · Tabkeeper</title>
<style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { display: grid; place-items: center; min-height: 100vh; margin: 0; }
form { display: grid; gap: 1rem; width: min(20rem, 90vw); }
h1 { font-size: 1.25rem; margin: 0; }
label { display: grid; gap: .25rem; }
input, button { font: inherit; padding: .5rem .75rem; border-radius: .4rem; border: 1px solid GrayText; }
button { background: #1d4ed8; border-color: #1d4ed8; color: #fff; cursor: pointer; }
p { margin: 0; color: #dc2626; }
</style>
</head>
<body>
<form method="post" action="/queues/sign-in">
<h1>Tabkeeper queues</h1>
${problem === '' ? '' : `<p role="alert">${problem}</p>`}
<label>Name <input name="username" autocomplete="username" required autofocus></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button>Sign in</button>
</form>
</body>
</html>
`
}
