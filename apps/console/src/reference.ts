import 'swagger-ui-dist/swagger-ui.css';
import './reference.css';
import SwaggerUIBundle from 'swagger-ui-dist/swagger-ui-es-bundle.js';

SwaggerUIBundle({
  url: '/api/docs-json',
  dom_id: '#reference',
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  // No document is sent elsewhere to be checked.
  validatorUrl: null,
});
