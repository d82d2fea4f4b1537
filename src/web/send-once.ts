// For pages whose form shows something that is good once: a second press of the button would show it again, and be refused.

/** The script of such a page. Without scripts, the second press is refused as before. */
export const sendOnce = `let sent=false
addEventListener('submit',(event)=>{if(sent)event.preventDefault();sent=true})
addEventListener('pageshow',()=>{sent=false})`
