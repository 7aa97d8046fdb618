const fs = require("fs");
const who = process.env.INPUT_WHO_TO_GREET;
console.log(`main ${who}`);
console.log("::warning file=main.js,line=3::from the script");
fs.appendFileSync(process.env.GITHUB_OUTPUT, `text=hi ${who}\n`);
fs.appendFileSync(process.env.GITHUB_STATE, `who=${who}\n`);
