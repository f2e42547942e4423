// One page, one phone: JsSIP or SIP.js behind the same few words, and what it has told in `told`.
import JsSIP from "jssip";
import * as SIP from "sip.js";

window.told = [];
const tell = (what) => window.told.push(what);

const KINDS = {
  jssip(server, account, password, domain) {
    const socket = new JsSIP.WebSocketInterface(server);
    const phone = new JsSIP.UA({ sockets: [socket], uri: `sip:${account}@${domain}`, password });
    let session;
    phone.on("registered", () => tell("registered"));
    phone.on("registrationFailed", (event) => tell(`failed: ${event.cause}`));
    phone.on("newRTCSession", (event) => {
      session = event.session;
      session.on("confirmed", () => tell("talking"));
      session.on("ended", (ended) => tell(`over: ${ended.cause}`));
      session.on("failed", (failed) => tell(`failed: ${failed.cause}`));
      if (event.originator === "remote") session.answer({ mediaConstraints: { audio: true, video: false } });
    });
    phone.start();
    return {
      call: (who) => phone.call(`sip:${who}@${domain}`, { mediaConstraints: { audio: true, video: false } }),
      hangUp: () => session.terminate(),
      media: () => session.connection.connectionState,
    };
  },

  sipjs(server, account, password, domain) {
    const phone = new SIP.UserAgent({
      uri: SIP.UserAgent.makeURI(`sip:${account}@${domain}`),
      authorizationUsername: account, authorizationPassword: password,
      transportOptions: { server, connectionTimeout: 60 }, logLevel: "error",
      delegate: { onInvite: (invitation) => { watch(invitation); invitation.accept(); } },
    });
    let session;
    const watch = (one) => {
      session = one;
      session.stateChange.addListener((state) => {
        if (state === SIP.SessionState.Established) tell("talking");
        if (state === SIP.SessionState.Terminated) tell("over: ");
      });
    };
    const registerer = new SIP.Registerer(phone);
    registerer.stateChange.addListener((state) => { if (state === SIP.RegistererState.Registered) tell("registered"); });
    phone.start().then(() => registerer.register());
    return {
      call: (who) => { const one = new SIP.Inviter(phone, SIP.UserAgent.makeURI(`sip:${who}@${domain}`)); watch(one); one.invite(); },
      hangUp: () => session.bye(),
      media: () => session.sessionDescriptionHandler.peerConnection.connectionState,
    };
  },
};

window.start = (kind, ...settings) => { window.phone = KINDS[kind](...settings); };
