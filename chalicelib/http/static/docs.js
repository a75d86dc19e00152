// Shows openapi.json in Swagger UI. Where the service wants an API key, asks for it once and keeps
// it for this tab only.
const storageKey = "artemis-api-key";

async function load() {
  const key = sessionStorage.getItem(storageKey);
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  const answer = await fetch("openapi.json", { headers });
  if (answer.status === 401) {
    const given = window.prompt("API key");
    if (given) {
      sessionStorage.setItem(storageKey, given);
      return load();
    }
    sessionStorage.removeItem(storageKey);
  }
  return { spec: await answer.json(), key };
}

load().then(({ spec, key }) => {
  window.ui = SwaggerUIBundle({
    spec,
    dom_id: "#swagger-ui",
    deepLinking: true,
    validatorUrl: null,
    onComplete: () => key && window.ui.preauthorizeApiKey("apiKey", key),
  });
});
