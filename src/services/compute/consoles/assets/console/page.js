/**
 * The console page: connects noVNC to the proxy that it came from, with the token that stands in the page's address
 * (`?path=%3Ftoken%3D…`), and says in the reader's language how that goes.
 */
import RFB from '/novnc/core/rfb.js';

const TEXTS = {
  en: {
    connecting: 'Connecting…',
    connected: 'Connected',
    connectedTo: (name) => `Connected to ${name}`,
    closed: 'The console was closed.',
    refused: 'The console could not be opened: its address has expired, or the server is not running. Open the console again.',
    ctrlAltDel: 'Send Ctrl+Alt+Del',
    fullScreen: 'Full screen',
    reconnect: 'Reconnect',
    noToken: 'This address has no token. Open the console from the dashboard or with “openstack console url show”.',
    screen: "The server's screen",
  },
  zh: {
    connecting: '正在连接…',
    connected: '已连接',
    connectedTo: (name) => `已连接到 ${name}`,
    closed: '控制台已关闭。',
    refused: '无法打开控制台：地址已过期，或服务器未在运行。请重新打开控制台。',
    ctrlAltDel: '发送 Ctrl+Alt+Del',
    fullScreen: '全屏',
    reconnect: '重新连接',
    noToken: '此地址不含令牌。请从控制面板打开控制台，或使用“openstack console url show”命令。',
    screen: '服务器屏幕',
  },
};

const language = navigator.languages.map((tag) => tag.slice(0, 2)).find((tag) => tag in TEXTS) ?? 'en';
const texts = TEXTS[language];
document.documentElement.lang = language === 'zh' ? 'zh-CN' : language;

const status = document.getElementById('status');
const screen = document.getElementById('screen');
const ctrlAltDel = document.getElementById('ctrl-alt-del');
const fullScreen = document.getElementById('full-screen');
const reconnect = document.getElementById('reconnect');
ctrlAltDel.textContent = texts.ctrlAltDel;
fullScreen.textContent = texts.fullScreen;
reconnect.textContent = texts.reconnect;
screen.setAttribute('aria-label', texts.screen);

let rfb;

function show(state, text) {
  document.body.dataset.state = state;
  status.textContent = text;
  ctrlAltDel.disabled = state !== 'connected';
  reconnect.hidden = state !== 'closed';
}

function tokenOfPage() {
  const query = new URLSearchParams(location.search);
  const path = query.get('path') ?? '';
  return query.get('token') ?? new URLSearchParams(path.slice(path.indexOf('?') + 1)).get('token') ?? '';
}

function connect() {
  const token = tokenOfPage();
  if (token === '') return show('refused', texts.noToken);
  const url = new URL('/websockify', location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  url.searchParams.set('token', token);
  let wasConnected = false;
  let name = '';
  const showConnected = () => show('connected', name === '' ? texts.connected : texts.connectedTo(name));
  show('connecting', texts.connecting);
  screen.replaceChildren();
  rfb = new RFB(screen, url.href, { wsProtocols: ['binary'], shared: true });
  rfb.scaleViewport = true;
  rfb.background = '#15181c';
  rfb.addEventListener('connect', () => {
    wasConnected = true;
    showConnected();
    rfb.focus();
  });
  rfb.addEventListener('desktopname', ({ detail }) => {
    // QEMU calls its screen "QEMU (name)".
    name = /^QEMU \((.*)\)$/.exec(detail.name)?.[1] ?? detail.name;
    document.title = `${name} – noVNC`;
    if (wasConnected) showConnected();
  });
  rfb.addEventListener('disconnect', () => show('closed', wasConnected ? texts.closed : texts.refused));
}

ctrlAltDel.addEventListener('click', () => {
  rfb?.sendCtrlAltDel();
  rfb?.focus();
});
fullScreen.addEventListener('click', () => {
  if (document.fullscreenElement === null) void document.documentElement.requestFullscreen();
  else void document.exitFullscreen();
});
reconnect.addEventListener('click', connect);
connect();
