console.log("pre");
