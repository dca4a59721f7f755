import { XMLParser } from 'fast-xml-parser';
import { DriverError } from '../contract.ts';

/** A text that is XML already; only {@link element} makes one. */
export interface Xml {
  readonly xml: string;
}

type Attributes = Readonly<Record<string, string | number | undefined>>;

/** A description that libvirt gives is some 10 KiB; longer than this is no description of a guest. */
const MAX_XML_BYTES = 4 * 1024 * 1024;

/**
 * Builds an element. Strings among the children are text; every text and attribute is escaped, absent ones are left out.
 * @example element('memory', { unit: 'MiB' }, '128')
 */
export function element(
  name: string,
  attributes: Attributes = {},
  ...children: readonly (Xml | string | undefined)[]
): Xml {
  const start = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}='${escape(String(value))}'`)
    .join('');
  const inner = children
    .map((child) => (child === undefined ? '' : typeof child === 'string' ? escape(child) : child.xml))
    .join('');
  return { xml: inner === '' ? `<${name}${start}/>` : `<${name}${start}>${inner}</${name}>` };
}

/** Makes a text safe in content and in quoted attributes; characters that XML cannot carry become `?`. */
function escape(text: string): string {
  return text.replace(UNCARRIABLE, '?').replace(/[&<>'"\t\n\r]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** What XML 1.0 does not allow even escaped: most control characters, half surrogates, two non-characters. */
const UNCARRIABLE =
  // oxlint-disable-next-line no-control-regex -- they are the point
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** An element that was read: its attributes by name, its children by name, its text. */
export interface XmlNode {
  readonly attributes: Readonly<Record<string, string>>;
  readonly text: string;
  /** All children of a name. */
  all(name: string): XmlNode[];
  /** The first child at the end of a path of names; undefined when a part of it is missing. */
  at(...path: string[]): XmlNode | undefined;
}

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  parseTagValue: false,
  parseAttributeValue: false,
  alwaysCreateTextNode: false,
  processEntities: true,
  htmlEntities: true,
});

/** Reads a document that libvirt gave. The order between children of different names is lost. @throws {DriverError} `libvirt.xml`. */
export function readXml(text: string, root: string): XmlNode {
  if (text.length > MAX_XML_BYTES)
    throw new DriverError('libvirt.xml', `libvirt described something in ${text.length} bytes.`);
  if (text.includes('<!DOCTYPE')) throw new DriverError('libvirt.xml', 'libvirt never declares a document type.');
  const document = nodeOf(parser.parse(text) as unknown).at(root);
  if (document === undefined) throw new DriverError('libvirt.xml', `libvirt's description has no <${root}>.`);
  return document;
}

function nodeOf(value: unknown): XmlNode {
  const fields: Record<string, unknown> =
    typeof value === 'object' && value !== null ? { ...value } : { '#text': value };
  const all = (name: string): XmlNode[] => {
    const found = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (found === undefined) return [];
    return (Array.isArray(found) ? found : [found]).map(nodeOf);
  };
  return {
    attributes: Object.fromEntries(
      Object.entries(fields)
        .filter(([key]) => key.startsWith('@'))
        .map(([key, text]) => [key.slice(1), textOf(text)]),
    ),
    text: textOf(fields['#text']),
    all,
    at(...path) {
      let here: XmlNode | undefined = { attributes: {}, text: '', all, at: () => undefined };
      for (const name of path) here = here?.all(name)[0];
      return here;
    },
  };
}

/** The parser is told to leave all values texts. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
