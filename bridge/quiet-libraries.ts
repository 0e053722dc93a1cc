/**
 * With DEBUG set, the protocol libraries print every frame, the account's password in it. The last word on a name counts, so these are
 * off whatever else DEBUG asks for. Import this before anything that brings one of them: they read the variable once, as they load.
 */
if (process.env.DEBUG) process.env.DEBUG += ',-rhea*,-mqttjs*,-mqtt-packet*';
