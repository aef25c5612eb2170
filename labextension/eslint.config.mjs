import js from '@eslint/js';
import typescript from 'typescript-eslint';

export default typescript.config(
  { ignores: ['lib/**', 'node_modules/**'] },
  js.configs.recommended,
  ...typescript.configs.strict,
  {
    rules: {
      '@typescript-eslint/no-namespace': 'off', // an interface of options lives with its class, as in JupyterLab
      '@typescript-eslint/no-dynamic-delete': 'off', // plain data has its fields dropped where they are not set
      'no-restricted-syntax': [
        'error',
        {
          selector:
            'MemberExpression[property.name=/^(innerHTML|outerHTML|insertAdjacentHTML|querySelector|querySelectorAll)$/]',
          message: 'Text becomes nodes as text, and nothing is looked up in pages of others.'
        },
        {
          selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']",
          message: 'Text becomes nodes as text.'
        }
      ],
      'max-lines': ['error', { max: 320, skipBlankLines: true }]
    }
  }
);
